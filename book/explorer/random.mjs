// Random numbers by the block: a draw needs millions of them, and a loop over typed arrays makes them fastest.

const BLOCK = 4096;
const WHOLE = 2 ** 32;

/** xoshiro128** (Blackman and Vigna, 2018): a stream of 32-bit numbers, named by whole numbers. */
export class RandomBits {
  constructor(...names) {
    this.state = new Int32Array(4);
    let mixed = 0;
    for (const name of [...names, 0]) mixed = mix(mixed ^ name);
    for (let i = 0; i < 4; i++) this.state[i] = mixed = mix(mixed);
    this.block = new Uint32Array(BLOCK);
    this.at = BLOCK;
  }

  /** Fill the block anew. */
  refill() {
    const { block } = this;
    let [a, b, c, d] = this.state;
    for (let i = 0; i < BLOCK; i++) {
      const turned = Math.imul(b, 5);
      block[i] = Math.imul((turned << 7) | (turned >>> 25), 9);
      const t = b << 9;
      c ^= a;
      d ^= b;
      b ^= c;
      a ^= d;
      c ^= t;
      d = (d << 11) | (d >>> 21);
    }
    this.state.set([a, b, c, d]);
    this.at = 0;
    return block;
  }

  /** 32 random bits as a whole number. */
  next() {
    if (this.at === BLOCK) this.refill();
    return this.block[this.at++];
  }

  /** A number above 0, up to 1. */
  uniform() {
    return (this.next() + 1) / WHOLE;
  }

  /** A standard normal number (Box and Muller, 1958). */
  normal() {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
}

// Exponential numbers by the ziggurat (Marsaglia and Tsang, 2000): 256 layers of equal area under exp(-x); nearly always
// a number falls inside its layer and costs one product and no logarithm.
const LAYERS = 256;
const TAIL = 7.69711747013104972; // where the lowest layer's rectangle ends
const AREA = 0.0039496598225815571993; // of each layer
const inside = new Uint32Array(LAYERS);
const width = new Float64Array(LAYERS);
const height = new Float64Array(LAYERS);
{
  let edge = TAIL;
  const base = AREA / Math.exp(-edge);
  inside[0] = (edge / base) * WHOLE;
  width[0] = base / WHOLE;
  height[0] = 1;
  width[LAYERS - 1] = edge / WHOLE;
  height[LAYERS - 1] = Math.exp(-edge);
  for (let i = LAYERS - 2; i > 0; i--) {
    const wider = edge;
    edge = -Math.log(AREA / wider + Math.exp(-wider));
    inside[i + 1] = (edge / wider) * WHOLE;
    width[i] = edge / WHOLE;
    height[i] = Math.exp(-edge);
  }
}

/** A stream of standard exponential numbers. */
export class Exponentials {
  constructor(bits) {
    this.bits = bits;
    this.block = new Float64Array(BLOCK);
  }

  /** Fill the block anew. */
  refill() {
    const { bits, block } = this;
    const drawn = bits.refill();
    for (let i = 0; i < BLOCK; i++) {
      const layer = drawn[i] & (LAYERS - 1);
      block[i] = drawn[i] < inside[layer] ? drawn[i] * width[layer] : this.rare(drawn[i]);
    }
    return block;
  }

  /** What is left when a number falls outside its layer's safe part. */
  rare(drawn) {
    for (let bits = drawn; ; bits = this.bits.next()) {
      const layer = bits & (LAYERS - 1);
      const x = bits * width[layer];
      if (bits < inside[layer]) return x;
      if (layer === 0) return TAIL - Math.log(this.bits.uniform());
      const above = height[layer] + this.bits.uniform() * (height[layer - 1] - height[layer]);
      if (above < Math.exp(-x)) return x;
    }
  }
}

/** A bijection of the 32-bit numbers that leaves nothing of their order (the finaliser of MurmurHash3). */
function mix(value) {
  let z = (value + 0x9e3779b9) | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}
