// Small helpers: elements with text and attributes. Text is never parsed as markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function pressed(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

export function isPressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}
