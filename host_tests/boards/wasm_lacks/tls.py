"""tls, which the WebAssembly build lacks, so that what imports it can be loaded; nothing can connect."""
