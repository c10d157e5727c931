// What Sphinx and Furo leave open, after page.js, whose promise is `alive`.

// A page from the disk may not fetch the excerpts that results of a search show.
DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY &&= location.protocol !== "file:";

// Beside this region there is a second one, with the sections of the page.
document.querySelector(".sidebar-drawer").ariaLabel = "Course";

/** Formulas when the widgets are there: MathJax keeps a page busy for half a second. */
async function typeset(src) {
  await alive.catch(() => {});
  const script = Object.assign(document.createElement("script"), { src });
  await new Promise((done) => {
    script.onload = done;
    document.head.append(script);
  });
  await MathJax.startup.promise;
}

async function finish() {
  const waiting = document.querySelector('script[type="text/mathjax"]');
  if (waiting) await typeset(waiting.src);
  if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done));
  for (const box of document.querySelectorAll("pre, .math-wrapper, .table-wrapper")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; // so that the arrow keys scroll it
  }
  await document.fonts.ready;
  // What a link led to has been moved by formulas and pictures above it.
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
  document.body.dataset.finished = "";
}

finish();
