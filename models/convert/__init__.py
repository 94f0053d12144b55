"""From the published file formats to safetensors + JSON, without executing anything that a file asks for."""
