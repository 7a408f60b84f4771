"use strict";

// The field with the link is enough: it can be selected and copied by hand. These are
// the shorter ways, where the browser has them.
if (navigator.share) document.documentElement.classList.add("can-send");

async function copy(button) {
  const field = document.getElementById(button.dataset.copy);

  field.select();

  try {
    // Only pages that nobody can have tampered with may write to the clipboard.
    await navigator.clipboard.writeText(field.value);
  } catch {
    if (!document.execCommand("copy")) return;
  }

  button.focus();
  document.getElementById("share-said").textContent = button.dataset.copied;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-send]");

  if (button?.dataset.copy) copy(button);

  if (button?.dataset.send) {
    const url = document.getElementById(button.dataset.send).value;

    // Whoever changes their mind is not told that it failed.
    navigator.share({title: button.dataset.title, url}).catch(() => {});
  }
});

document.addEventListener("focusin", (event) => {
  if (event.target.id === "share-link") event.target.select();
});
