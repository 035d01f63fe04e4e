"""Files written aside, names made safe to print, and numbers in words. Imports nothing of the library."""
