// What steers the page that shows it: controls, overrides of direction, what is not seen.
const STEERING = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e" +
    "\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]",
  "gu",
);

/** A text of a source without what steers: the pages do the same (`search_api/texts/safe_text.py`). */
export function neutral(text) {
  return text.replace(STEERING, "");
}

/** An element; texts among its children stay texts, whatever they hold. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.map((child) => (typeof child === "string" ? neutral(child) : child)));
  return element;
}

/** A link; what is no web address stays a text. */
export function link(address, text) {
  if (!/^https?:\/\//i.test(address ?? "")) return make("span", {}, text);
  return make("a", { href: address, rel: "noopener noreferrer" }, text);
}
