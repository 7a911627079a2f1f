"""The cellar: the nouns that two rooms share. Imports nothing of the package."""
