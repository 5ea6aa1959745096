"""Files of the common formats, made by the project itself: `samples.files.SAMPLES` names them."""
