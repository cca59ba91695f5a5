// Says once, some time after a frame has been drawn in this browser, that the next one is due.
//
// Whatever the browser sends then was drawn before, however slow the network, the server or the browser is.

export default function ({ data, setTriggerValue }) {
  const timer = setTimeout(() => setTriggerValue("due", data.frame), data.milliseconds);
  return () => clearTimeout(timer);
}
