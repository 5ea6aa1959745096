import { make } from "./elements.js";

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

/** Titles beneath a field, as ARIA's combobox pattern says: the focus stays in the field. */
export class Suggestions {
  #field; #list; #choose;
  #options = [];
  #at = -1;

  /** `choose` is called once a title has become the field's value. */
  constructor(field, list, choose) {
    [this.#field, this.#list, this.#choose] = [field, list, choose];
    field.setAttribute("role", "combobox");
    field.setAttribute("aria-autocomplete", "list");
    field.setAttribute("aria-controls", list.id);
    list.setAttribute("role", "listbox");
    this.show([]);
    field.addEventListener("keydown", (event) => this.#key(event));
    field.addEventListener("blur", () => this.#open(false));
    // Else the field would lose the focus, and the list close before the click.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => this.#take(event.target.closest("li")));
  }

  show(titles) {
    this.#options = titles.map((title, at) => make("li", { id: `title-${at}`, role: "option" }, make("span", {}, title)));
    this.#list.replaceChildren(...this.#options);
    this.#open(titles.length > 0);
  }

  #open(open) {
    this.#list.hidden = !open;
    this.#field.setAttribute("aria-expanded", String(open));
    this.#mark(-1);
  }

  #mark(at) {
    this.#at = at;
    this.#options.forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
    this.#field.removeAttribute("aria-activedescendant");
    if (at < 0) return;
    this.#field.setAttribute("aria-activedescendant", this.#options[at].id);
    this.#options[at].scrollIntoView({ block: "nearest" });
  }

  #take(option) {
    if (!this.#options.includes(option)) return;
    this.#field.value = option.textContent;
    this.#choose();
  }

  #key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const step = STEPS[event.key];
    const places = this.#options.length + 1;
    if (step && places > 1) {
      if (this.#list.hidden) this.#open(true);
      // A ring: after the last comes the field itself, then the first.
      this.#mark(((this.#at + 1 + step + places) % places) - 1);
    } else if (event.key === "Escape" && !this.#list.hidden) {
      this.#open(false);
    } else if (event.key === "Enter" && this.#at >= 0) {
      this.#take(this.#options[this.#at]);
    } else return;
    event.preventDefault();
  }
}
