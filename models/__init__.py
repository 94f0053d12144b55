"""Networks over images, genes and text: arrays in, arrays out. Importing this package imports no torch."""
