"""The commands behind the Makefile. No notebook imports them."""
