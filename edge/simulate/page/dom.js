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

// A button that is down for as long as a finger or a key holds it. A press by a screen reader is a short one.
export function heldButton(button, moved) {
  let down = false;
  let handled = false;
  let last = Promise.resolve();
  const set = (active) => {
    if (active === down) return;
    down = active;
    button.classList.toggle("down", active);
    last = last.then(() => moved(active));
  };
  const isKey = (event) => event.key === " " || event.key === "Enter";
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    handled = true;
    set(true);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
    button.addEventListener(name, () => set(false));
  }
  button.addEventListener("keydown", (event) => {
    if (!isKey(event)) return;
    handled = true;
    set(true);
  });
  button.addEventListener("keyup", (event) => isKey(event) && set(false));
  button.addEventListener("click", () => {
    if (!handled) {
      set(true);
      set(false);
    }
    handled = false;
  });
}
