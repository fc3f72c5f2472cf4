// A button on each block of code that copies it.
document.addEventListener("DOMContentLoaded", () => {
  for (const block of document.querySelectorAll("div.highlight")) {
    const button = document.createElement("button");
    const wholeFile = block.closest(".whole-file");
    const label = wholeFile ? "Copy this file" : "Copy";
    button.type = "button";
    button.className = "copy";
    button.setAttribute("aria-live", "polite");
    button.textContent = label;
    button.addEventListener("click", async () => {
      const code = block.querySelector("pre").textContent;
      let copied = true;
      try {
        await navigator.clipboard.writeText(code);
      } catch {
        const area = document.createElement("textarea");
        area.value = code;
        document.body.append(area);
        area.select();
        copied = document.execCommand("copy");
        area.remove();
        button.focus();
      }
      button.textContent = copied ? "Copied" : "Not copied: select it by hand";
      setTimeout(() => (button.textContent = label), 2000);
    });
    block.prepend(button);
  }
});
