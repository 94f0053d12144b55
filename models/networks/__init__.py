"""Networks in plain torch. Imported only when a model is loaded or trained."""
