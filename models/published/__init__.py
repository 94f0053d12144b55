"""The published systems, a file each, written from their papers and cards; people bring the weights."""
