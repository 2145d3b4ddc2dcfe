// The message box: Enter sends, Shift+Enter breaks the line, / and @ offer completions.
import { h } from "./dom.js";

const ERRORS = {
  not_supported_in_threads: "Slash commands cannot be used in threads.",
  is_archived: "This channel is archived.",
  not_in_channel: "You are not in this channel.",
};

export function composer({ label, store, send }) {
  const suggestions = h("ul", { class: "suggestions", role: "listbox", hidden: true });
  const failure = h("div", { class: "failure", role: "alert", hidden: true });
  const box = h("textarea", { rows: 1, placeholder: label, "aria-label": label, enterkeyhint: "send", autocomplete: "off", spellcheck: "false" });
  const button = h("button", { type: "button", class: "send", "aria-label": "Send", disabled: true, onclick: () => post() }, "➤");

  const fit = () => {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
    button.disabled = !box.value.trim();
  };
  const post = async () => {
    const text = box.value.trim();
    if (!text) return;
    box.value = "";
    failure.hidden = true;
    suggestions.hidden = true;
    fit();
    const answer = await send(text);
    if (answer.ok) return;
    if (text.startsWith("/") && !box.value) box.value = text;
    if (ERRORS[answer.error]) {
      failure.textContent = ERRORS[answer.error];
      failure.hidden = false;
    }
    fit();
  };
  const offered = () => {
    const { command, name } = store.app;
    if (/^\/\S*$/.test(box.value) && command.startsWith(box.value)) return [{ insert: `${command} `, head: command, tail: "cluster gateway · list · watch · history · handoff · digest · help" }];
    const at = box.value.slice(0, box.selectionStart).match(/(?:^|\s)@([\w-]*)$/);
    if (!at) return [];
    const people = [{ name, real_name: "app" }, ...[...store.users.values()].filter((user) => !user.is_bot)];
    return people.filter((user) => user.name.startsWith(at[1])).map((user) => ({ insert: `@${user.name} `, cut: at[1].length + 1, head: `@${user.name}`, tail: user.real_name }));
  };
  const accept = (choice) => {
    const end = box.selectionStart;
    const start = choice.cut ? end - choice.cut : 0;
    box.value = box.value.slice(0, start) + choice.insert + box.value.slice(end);
    suggestions.hidden = true;
    box.focus();
    fit();
  };
  const suggest = () => {
    const choices = offered();
    suggestions.replaceChildren(...choices.map((choice) => h("li", { role: "option", onmousedown: (event) => {
      event.preventDefault();
      accept(choice);
    } }, h("b", {}, choice.head), h("span", {}, choice.tail))));
    suggestions.hidden = !choices.length;
  };
  box.addEventListener("input", () => {
    fit();
    suggest();
  });
  box.addEventListener("blur", () => {
    suggestions.hidden = true;
  });
  box.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const choices = suggestions.hidden ? [] : offered();
    if ((event.key === "Tab" || (event.key === "Enter" && choices[0]?.insert.trim() !== box.value.trim())) && choices.length) {
      event.preventDefault();
      accept(choices[0]);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      post();
    } else if (event.key === "Escape" && choices.length) {
      event.stopPropagation();
      suggestions.hidden = true;
    }
  });
  return h("div", { class: "composer" }, suggestions, failure, h("div", { class: "box" }, box, button));
}
