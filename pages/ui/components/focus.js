// Gives the keyboard's focus to a control that has come in the place of another one, but never when a page opens.

let last = null;

export default function ({ data }) {
  const isNext = last !== null && last !== data.target;
  last = data.target;
  if (isNext) requestAnimationFrame(() => document.querySelector(data.target)?.focus({ preventScroll: true }));
}
