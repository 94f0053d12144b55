"""Zero-shot annotation judged on labelled slides as the papers do, beside floors; what is left out is counted."""
