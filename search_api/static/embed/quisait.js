// <qui-sait></qui-sait>: Qui sait ? in a page of the intranet, under the reader's own session.
import { ask, Refusal } from "./asking.js";
import { make } from "./elements.js";
import { results } from "./results.js";
import { sheet } from "./style.js";
import { Suggestions } from "./suggestions.js";
import { counted, words } from "./words.js";

const PAUSE_MS = 150;
const LEAST_TYPED = 2;
const RESULTS = 3;

class QuiSait extends HTMLElement {
  #field = make("input", { id: "q", autocomplete: "off", spellcheck: "false", enterkeyhint: "search" });
  #list = make("ul", { id: "titles", "aria-label": words.titles });
  #counted = make("p", { class: "unseen", role: "status" });
  #said = make("p", { class: "said", role: "status" });
  #found = make("section", { lang: "fr", "aria-label": words.results, hidden: "" });
  #suggestions = new Suggestions(this.#field, this.#list, () => this.#search());
  #pause;
  #asking;

  /** The form that the page holds for want of scripts makes way; what was typed there is kept. */
  connectedCallback() {
    if (this.shadowRoot) return;
    const before = this.querySelector("input[name=q]");
    const typing = before !== null && before === document.activeElement;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#form(), this.#found);
    this.#field.value = before?.value ?? "";
    if (typing) this.focus();
  }

  disconnectedCallback() {
    this.#stop();
  }

  focus(options) {
    this.#field.focus(options);
  }

  #form() {
    const label = this.getAttribute("label") || words.label;
    const line = make("div", { class: "line" }, this.#field, make("button", {}, words.search), this.#list);
    const form = make("form", { lang: "fr", role: "search" },
      make("label", { for: "q" }, label), line, this.#counted, this.#said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#search();
    });
    this.#field.addEventListener("input", (event) => event.isComposing || this.#typed());
    this.#field.addEventListener("compositionend", () => this.#typed());
    this.#field.addEventListener("blur", () => clearTimeout(this.#pause));
    return form;
  }

  /** Titles are asked for once the reader pauses. */
  #typed() {
    this.#stop();
    const q = this.#field.value.trim();
    if (q.length < LEAST_TYPED) this.#suggest([]);
    else this.#pause = setTimeout(() => this.#answered("suggest", { q }, (answer) => {
      if (this.#found.hidden) this.#said.replaceChildren();
      if (this.shadowRoot.activeElement === this.#field) this.#suggest(answer.suggestions);
    }), PAUSE_MS);
  }

  #suggest(suggestions) {
    // The box answers with documents in force: people are for Qui sait ? itself.
    const documents = suggestions.filter((one) => one.kind === "title" && !one.past);
    const titles = [...new Set(documents.map((one) => one.title))];
    this.#suggestions.show(titles);
    this.#counted.textContent = titles.length ? counted(words.titles_found, titles.length) : "";
  }

  #search() {
    this.#stop();
    this.#suggest([]);
    const q = this.#field.value.trim();
    this.#show(q ? [words.waiting] : [], []);
    if (q) this.#answered("search", { q, page_size: RESULTS }, (answer) => this.#show(...results(answer, q)));
  }

  /** One request at a time: what a newer one overtakes is never shown. */
  async #answered(what, parameters, show) {
    const asking = (this.#asking = new AbortController());
    try {
      const answer = await ask(what, parameters, asking);
      if (this.#asking === asking) show(answer);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (this.#asking !== asking) return;
      this.#suggest([]);
      this.#show(error.parts, []);
    }
  }

  #stop() {
    clearTimeout(this.#pause);
    const asking = this.#asking;
    this.#asking = undefined;
    asking?.abort();
  }

  #show(said, found) {
    this.#said.replaceChildren(...said);
    this.#found.replaceChildren(...found);
    this.#found.hidden = found.length === 0;
  }
}

if (!customElements.get("qui-sait")) customElements.define("qui-sait", QuiSait);
