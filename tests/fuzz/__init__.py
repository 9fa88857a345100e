"""The fuzzer: mutants of genuine, signed messages and files, given to the real readers."""
