// The pixels behind the cut-out's brush. The picture's own colours are kept apart, so that what was erased can come back.

export type CutoutStroke = "erase" | "restore";

const UNDO = 20;
const GHOST = 0.16; // opacity of what was cut away
const STEP = 8; // canvas pixels of an arrow key

export class CutoutCanvas {
  stroke: CutoutStroke = "erase";
  size = 28; // diameter, CSS pixels
  dirty = false;
  private width = 1;
  private height = 1;
  private whole = new ImageData(1, 1); // the picture, opaque
  private alpha: Uint8ClampedArray = new Uint8ClampedArray(1);
  private limit: Uint8ClampedArray = new Uint8ClampedArray(1); // where the picture itself is transparent there is nothing to bring back
  private past: Uint8ClampedArray[] = [];
  private future: Uint8ClampedArray[] = [];
  private last: [number, number] | null = null;
  private cursor: [number, number] | null = null;
  private frame = 0;
  private readonly stop = new AbortController();

  constructor(private readonly canvas: HTMLCanvasElement, private readonly changed: () => void) {
    const { signal } = this.stop;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.begin();
      this.line(this.at(event));
    }, { signal });
    canvas.addEventListener("pointermove", (event) => {
      this.cursor = this.at(event);
      if (this.last) this.line(this.cursor);
      this.redraw();
    }, { signal });
    for (const name of ["pointerup", "pointercancel"] as const) {
      canvas.addEventListener(name, () => { this.last = null; this.changed(); }, { signal });
    }
    canvas.addEventListener("pointerleave", () => { this.cursor = null; this.redraw(); }, { signal });
  }

  get undoable(): boolean {
    return this.past.length > 0;
  }

  get redoable(): boolean {
    return this.future.length > 0;
  }

  /** Without a cut-out the whole picture is the object until a person erases the rest. */
  async load(cutout: string | null, picture: string): Promise<void> {
    const own = await image(picture), cut = cutout ? await image(cutout) : own;
    [this.width, this.height] = [cut.naturalWidth, cut.naturalHeight];
    [this.canvas.width, this.canvas.height] = [this.width, this.height];
    const pixels = read(cut, this.width, this.height);
    this.alpha = new Uint8ClampedArray(this.width * this.height).map((_, i) => pixels.data[4 * i + 3]!);
    this.whole = read(own, this.width, this.height);
    this.limit = this.alpha.map((value, i) => Math.max(value, this.whole.data[4 * i + 3]!));
    for (let i = 0; i < this.alpha.length; i++) {
      const solid = this.alpha[i]! > 250;
      for (let c = 0; c < 3; c++) if (solid) this.whole.data[4 * i + c] = pixels.data[4 * i + c]!;
      this.whole.data[4 * i + 3] = 255;
    }
    this.redraw();
  }

  key(event: KeyboardEvent): boolean {
    const moves: Record<string, [number, number]> = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    const move = moves[event.key];
    if (event.target !== this.canvas || (!move && event.key !== " ")) return false;
    const [x, y] = this.cursor ?? [this.width / 2, this.height / 2];
    this.cursor = [x + (move?.[0] ?? 0), y + (move?.[1] ?? 0)];
    if (!move) {
      this.begin();
      this.line(this.cursor);
      this.last = null;
      this.changed();
    }
    this.redraw();
    return true;
  }

  undo(): void {
    this.step(this.past, this.future);
  }

  redo(): void {
    this.step(this.future, this.past);
  }

  /** The corrected cut-out, of the cut-out's size. */
  async png(): Promise<Blob> {
    const canvas = new OffscreenCanvas(this.width, this.height), data = new ImageData(this.width, this.height);
    data.data.set(this.whole.data);
    for (let i = 0; i < this.alpha.length; i++) data.data[4 * i + 3] = this.alpha[i]!;
    canvas.getContext("2d")!.putImageData(data, 0, 0);
    return canvas.convertToBlob({ type: "image/png" });
  }

  dispose(): void {
    this.stop.abort();
    cancelAnimationFrame(this.frame);
  }

  private at(event: PointerEvent): [number, number] {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * this.width) / box.width, ((event.clientY - box.top) * this.height) / box.height];
  }

  private begin(): void {
    this.past = [...this.past.slice(1 - UNDO), this.alpha.slice()];
    this.future = [];
    this.dirty = true;
  }

  private line(to: [number, number]): void {
    const from = this.last ?? to, radius = this.radius(), length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const steps = Math.max(1, Math.ceil(length / Math.max(1, radius / 3)));
    for (let i = 1; i <= steps; i++) {
      this.dab(from[0] + ((to[0] - from[0]) * i) / steps, from[1] + ((to[1] - from[1]) * i) / steps, radius);
    }
    this.last = to;
    this.redraw();
  }

  private radius(): number {
    return (this.size / 2) * (this.width / Math.max(1, this.canvas.clientWidth));
  }

  private dab(x: number, y: number, radius: number): void {
    const [x0, x1] = [Math.max(0, Math.floor(x - radius)), Math.min(this.width - 1, Math.ceil(x + radius))];
    const [y0, y1] = [Math.max(0, Math.floor(y - radius)), Math.min(this.height - 1, Math.ceil(y + radius))];
    for (let row = y0; row <= y1; row++) {
      for (let column = x0; column <= x1; column++) {
        const strength = Math.min(1, Math.max(0, radius - Math.hypot(column + 0.5 - x, row + 0.5 - y)) / Math.max(1, radius * 0.15));
        if (!strength) continue;
        const i = row * this.width + column, before = this.alpha[i]!;
        this.alpha[i] = this.stroke === "erase" ? Math.min(before, 255 * (1 - strength)) : Math.max(before, Math.min(this.limit[i]!, 255 * strength));
      }
    }
  }

  private step(from: Uint8ClampedArray[], to: Uint8ClampedArray[]): void {
    const found = from.pop();
    if (!found) return;
    to.push(this.alpha);
    this.alpha = found;
    this.changed();
    this.redraw();
  }

  private redraw(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const context = this.canvas.getContext("2d")!, shown = new ImageData(this.width, this.height);
      shown.data.set(this.whole.data);
      for (let i = 0; i < this.alpha.length; i++) {
        shown.data[4 * i + 3] = Math.max(Math.min(255 * GHOST, this.limit[i]!), this.alpha[i]!);
      }
      context.putImageData(shown, 0, 0);
      if (!this.cursor) return;
      context.beginPath();
      context.arc(...this.cursor, this.radius(), 0, 2 * Math.PI);
      context.lineWidth = (1.5 * this.width) / Math.max(1, this.canvas.clientWidth);
      context.strokeStyle = this.stroke === "erase" ? "#cf4f62" : "#3b82c4";
      context.stroke();
    });
  }
}

async function image(url: string): Promise<HTMLImageElement> {
  const element = new Image();
  element.src = url;
  await element.decode();
  return element;
}

function read(source: HTMLImageElement, width: number, height: number): ImageData {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
