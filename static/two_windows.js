"use strict";

// In the same moment, before the shop can have answered to either of them.
document.getElementById("press-both")?.addEventListener("click", () => {
  for (const frame of document.querySelectorAll(".windows iframe")) {
    frame.contentDocument.querySelector("#buy .buy-row button")?.click();
  }
});
