// The page is complete without this: it only tells values under the pointer, closes a picture by a key, and
// opens what is folded away before printing.
"use strict";
for (const svg of document.querySelectorAll(".chart svg")) {
  const circles = [...svg.querySelectorAll("circle[data-x]")];
  if (!circles.length) continue;
  const cursor = svg.querySelector(".cursor");
  const tip = svg.parentElement.appendChild(document.createElement("div"));
  tip.className = "tip";
  const places = [...new Set(circles.map((circle) => circle.getAttribute("cx")))].map(Number);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const unit = svg.viewBox.baseVal.width / box.width;
    const at = (event.clientX - box.left) * unit;
    const near = places.reduce((a, b) => (Math.abs(b - at) < Math.abs(a - at) ? b : a));
    const here = circles.filter((circle) => Number(circle.getAttribute("cx")) === near);
    cursor.setAttribute("x1", near);
    cursor.setAttribute("x2", near);
    svg.classList.add("pointed");
    tip.replaceChildren(`epoch ${here[0].dataset.x}`);
    for (const circle of here) {
      const line = tip.appendChild(document.createElement("div"));
      line.append(`${circle.dataset.name} `, document.createElement("b"));
      line.lastChild.textContent = circle.dataset.value;
      line.className = circle.closest("g[class^=c]").getAttribute("class");
    }
    tip.style.left = `${Math.min(near / unit + 10, box.width - 150)}px`;
    tip.style.display = "block";
  });
  svg.addEventListener("pointerleave", () => {
    svg.classList.remove("pointed");
    tip.style.display = "none";
  });
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector(".view:target .close")?.click();
});
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
