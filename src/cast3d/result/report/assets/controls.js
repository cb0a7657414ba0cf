// Pointer, wheel, keyboard and the list of parts.

function controls(view, panel) {
  const {canvas} = view;
  const find = (name) => panel.querySelector(`[data-control="${name}"]`);
  const rows = [...panel.querySelectorAll("[data-part]")];
  const label = panel.querySelector(".under-pointer");
  const pointers = new Map();
  let turning = !matchMedia("(prefers-reduced-motion: reduce)").matches, waiting = false, last = 0;

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame((now) => {
      waiting = false;
      if (turning) view.yaw += 0.00035 * Math.min(now - last, 50);
      last = now;
      view.draw();
      if (turning) redraw();
    });
  }

  function turn(on) {
    turning = on;
    find("turn").setAttribute("aria-pressed", String(on));
    redraw();
  }

  function rotate(yaw, pitch) {
    if (turning) turn(false);
    view.yaw += yaw;
    view.pitch = clamp(view.pitch + pitch, -1.5, 1.5);
    redraw();
  }

  function zoom(factor) { view.zoom = clamp(view.zoom * factor, 0.3, 12); redraw(); }

  function move(dx, dy) { // in canvas pixels
    const {eye, around, distance} = view.view(), back = unit(subtract(eye, around));
    const right = unit(cross([0, 1, 0], back)), up = cross(back, right), scale = 0.55 * distance / canvas.clientHeight;
    view.pan = mix(mix(view.pan, right, -dx * scale), up, dy * scale);
    redraw();
  }

  function reset() {
    Object.assign(view, {yaw: 0.45, pitch: 0.22, zoom: 1, pan: [0, 0, 0]});
    redraw();
  }

  function hover(index) {
    if (index === view.hovered) return;
    view.hovered = index;
    rows.forEach((row, i) => row.classList.toggle("hovered", i === index));
    document.querySelectorAll("mark").forEach((mark) => mark.classList.toggle("hovered", mark.dataset.term === String(index)));
    redraw();
  }

  function show(index, visible) {
    view.parts[index].visible = visible;
    rows[index].querySelector("input").checked = visible;
    redraw();
  }

  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    canvas.setPointerCapture(event.pointerId);
    if (turning) turn(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = [event.offsetX, event.offsetY], before = pointers.get(event.pointerId);
    if (!before) {
      const ratio = canvas.width / canvas.clientWidth;
      const index = view.pick(Math.floor(at[0] * ratio), Math.floor(at[1] * ratio));
      label.textContent = index < 0 ? "" : view.parts[index].name;
      label.style.transform = `translate(${at[0] + 14}px, ${at[1] + 14}px)`;
      hover(index);
      return;
    }
    const [dx, dy] = [at[0] - before[0], at[1] - before[1]];
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    if (other) {
      zoom(Math.hypot(at[0] - other[0], at[1] - other[1]) / (Math.hypot(before[0] - other[0], before[1] - other[1]) || 1));
      move(dx / 2, dy / 2);
    } else if (event.buttons & 2 || event.shiftKey) move(dx, dy);
    else rotate(-dx * 0.008, dy * 0.008);
    pointers.set(event.pointerId, at);
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => pointers.delete(event.pointerId));
  canvas.addEventListener("pointerleave", () => { label.textContent = ""; hover(-1); });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", reset);
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * 0.0012)); }, {passive: false});

  const keys = {
    ArrowLeft: () => rotate(-0.12, 0), ArrowRight: () => rotate(0.12, 0), ArrowUp: () => rotate(0, 0.08), ArrowDown: () => rotate(0, -0.08),
    "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: reset, Home: reset,
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const part = "123456789".indexOf(event.key);
    if (event.key in keys) keys[event.key]();
    else if (part >= 0 && part < rows.length) show(part, !view.parts[part].visible);
    else return;
    event.preventDefault();
  });

  rows.forEach((row, index) => {
    view.parts[index].label = rgb(getComputedStyle(row).getPropertyValue("--part"));
    row.querySelector("input").addEventListener("change", (event) => show(index, event.target.checked));
    row.querySelector("button").addEventListener("click", () => {
      const alone = view.parts.every((part, i) => part.visible === (i === index));
      rows.forEach((_, i) => show(i, alone || i === index));
    });
    row.addEventListener("pointerenter", () => hover(index));
    row.addEventListener("pointerleave", () => hover(-1));
  });
  find("explode").addEventListener("input", (event) => { view.explode = Number(event.target.value); redraw(); });
  find("labels").addEventListener("change", (event) => { view.labelled = event.target.checked ? 0.85 : 0; redraw(); });
  find("turn").addEventListener("click", () => turn(!turning));
  find("reset").addEventListener("click", reset);

  new ResizeObserver(() => {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    redraw();
  }).observe(canvas);
  turn(turning);
}

function rgb(hex) {
  const value = parseInt(hex.trim().slice(1), 16);
  return [value >> 16 & 255, value >> 8 & 255, value & 255].map((channel) => channel / 255);
}

async function start() {
  const panel = document.querySelector(".viewer"), root = document.documentElement;
  try {
    const text = document.getElementById("model").textContent.trim();
    const parts = await readGLB(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
    controls(new SceneView(panel.querySelector("canvas"), parts), panel);
    root.dataset.viewer = `ready ${parts.length}`;
  } catch (error) {
    root.dataset.viewer = "failed";
    panel.querySelector(".failure").textContent = `The 3D view could not start: ${error.message}. The pictures below and scene.glb are unaffected.`;
  }
}

start();
