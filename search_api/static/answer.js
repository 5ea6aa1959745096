// A cited document's link goes where one was writing; without it, at the end of the text.
"use strict";

for (const text of document.querySelectorAll("[data-caret]")) {
  text.setSelectionRange(text.dataset.caret, text.dataset.caret);
  if (location.hash === `#${text.id}`) text.focus();
  text.form.addEventListener("formdata", ({ formData }) => formData.set("at", text.selectionStart));
}
