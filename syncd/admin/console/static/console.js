// What the console adds to htmx: nothing is asked for while nobody looks, a server that does not answer is said so, and
// a form is sent once. Everything can be read without it.
"use strict";

document.addEventListener("htmx:beforeRequest", (event) => {
  const polls = (event.target.getAttribute("hx-trigger") || "").startsWith("every");
  const busy = event.target.contains(document.activeElement) && document.activeElement !== document.body
    && document.activeElement.matches("input, select, textarea, button");
  if (polls && (document.hidden || busy)) event.preventDefault();
});
document.addEventListener("htmx:afterRequest", (event) => {
  const lost = !event.detail.successful && event.detail.xhr.status !== 204;
  document.body.classList.toggle("lost", lost);
  if (event.detail.xhr.status === 401) window.location.reload();
});
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button || button.formMethod === "get") return;
  setTimeout(() => { button.disabled = true; }, 0);
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[disabled][type=submit]")) button.disabled = false;
});
