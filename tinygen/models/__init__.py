"""Architectures, one family a file: short modules that a demo trains and a user can take apart."""
