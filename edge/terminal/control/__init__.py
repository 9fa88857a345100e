"""The control socket's service: what the command line may ask of the running terminal."""
