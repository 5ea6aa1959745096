/** The page's own font and colours, unless it sets the variables `--quisait-…`. */
export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
:host {
  --qs-ink: var(--quisait-ink, CanvasText); --qs-paper: var(--quisait-paper, Canvas);
  --qs-accent: var(--quisait-accent, LinkText); --qs-accent-ink: var(--quisait-accent-ink, Canvas);
  --qs-soft: var(--quisait-soft, color-mix(in srgb, currentColor 80%, transparent));
  --qs-edge: var(--quisait-edge, color-mix(in srgb, currentColor 55%, transparent));
  --qs-radius: var(--quisait-radius, 6px);
  display: block; color: var(--quisait-ink, inherit); background: var(--quisait-paper, transparent);
  font-family: var(--quisait-font, inherit); line-height: 1.5; text-align: start; overflow-wrap: break-word;
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
p { margin: 0.25rem 0; }
label { display: block; margin-bottom: 0.25rem; color: var(--qs-soft); }
.line { position: relative; display: flex; flex-wrap: wrap; gap: 0.5rem; }
input, button { font: inherit; min-height: 2.75rem; padding: 0.375rem 0.75rem; border: 1px solid var(--qs-edge); border-radius: var(--qs-radius); max-width: 100%; }
input { flex: 1 1 10rem; min-width: 0; color: var(--qs-ink); background: var(--qs-paper); }
button { color: var(--qs-accent-ink); background: var(--qs-accent); border-color: var(--qs-accent); font-weight: 600; cursor: pointer; }
:focus-visible { outline: 3px solid var(--qs-accent); outline-offset: 2px; }
ul { position: absolute; z-index: 10; color: var(--qs-ink); top: 3rem; inset-inline: 0; margin: 0; padding: 0; max-height: 18rem; overflow-y: auto; list-style: none; background: var(--qs-paper); border: 1px solid var(--qs-edge); border-radius: var(--qs-radius); }
ul > li { padding: 0.5rem 0.75rem; cursor: pointer; }
ul > li:hover { text-decoration: underline; }
ul > [aria-selected="true"] { color: var(--qs-accent-ink); background: var(--qs-accent); }
ol { margin: 0; padding: 0; list-style: none; }
ol > li { padding: 0.75rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
a { color: var(--quisait-accent, inherit); }
.title { font-weight: 600; }
.about { color: var(--qs-soft); font-size: 0.875em; }
.direct { white-space: pre-line; margin-block: 0.75rem; padding-inline-start: 0.75rem; border-inline-start: 3px solid var(--qs-accent); }
.past { color: var(--quisait-warn, inherit); font-weight: 600; font-size: 0.875em; }
mark { color: var(--quisait-mark-ink, MarkText); background: var(--quisait-mark, Mark); }
.unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 40rem) {
  ul span { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
  ul > :is(li:hover, [aria-selected="true"]) span { -webkit-line-clamp: none; }
}
@media (forced-colors: active) {
  ul > [aria-selected="true"] { forced-color-adjust: none; color: HighlightText; background: Highlight; }
  button { border-color: ButtonBorder; }
}
@media print { form { display: none; } }
`);
