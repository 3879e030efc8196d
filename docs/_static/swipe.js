// A picture before and after: the slider says how much of the first is seen.
document.addEventListener("DOMContentLoaded", () => {
  for (const swipe of document.querySelectorAll(".swipe")) {
    const slider = swipe.querySelector("input");
    const show = () => swipe.style.setProperty("--seen", `${slider.value}%`);
    slider.addEventListener("input", show);
    show();
  }
});
