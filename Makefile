# `make demo` and `make test` are all that a newcomer needs; each makes what it stands on.
