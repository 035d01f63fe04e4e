"""Files written aside and moved into place, and names made safe to print. Imports nothing of the library."""
