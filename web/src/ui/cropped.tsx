// The front of a preview, which is on white, without its empty rim: a small part in the cube of the whole is seen large.

import { useEffect, useRef } from "preact/hooks";

const WHITE = 244; // channels below are drawn on
const RIM = 0.05; // of the larger side, around what is drawn

export function Cropped({ url, width, height }: { url: string; width: number; height: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    let gone = false;
    const picture = new Image();
    picture.src = url;
    void picture.decode().then(() => {
      if (!gone && canvas.current) draw(canvas.current, picture);
    }).catch(() => {}); // it stays empty
    return () => { gone = true; };
  }, [url]);
  return <canvas ref={canvas} class="cropped" width={2 * width} height={2 * height} style={{ width: `${width}px`, height: `${height}px` }} aria-hidden="true" />;
}

function draw(canvas: HTMLCanvasElement, picture: HTMLImageElement): void {
  const h = picture.naturalHeight, w = Math.min(picture.naturalWidth, h); // sheets of previews are wide: the front
  const whole = new OffscreenCanvas(w, h).getContext("2d", { willReadFrequently: true })!;
  whole.fillStyle = "#fff";
  whole.fillRect(0, 0, w, h);
  whole.drawImage(picture, 0, 0);
  const [left, top, right, bottom] = drawn(whole.getImageData(0, 0, w, h).data, w, h);
  const scale = Math.min(canvas.width / (right - left), canvas.height / (bottom - top));
  const target = canvas.getContext("2d")!, [tw, th] = [scale * (right - left), scale * (bottom - top)];
  target.fillStyle = "#fff";
  target.fillRect(0, 0, canvas.width, canvas.height);
  target.drawImage(picture, left, top, right - left, bottom - top, (canvas.width - tw) / 2, (canvas.height - th) / 2, tw, th);
}

/** Left, top, right and bottom of what is not white, with a rim; the whole where all is. */
export function drawn(pixels: Uint8ClampedArray, width: number, height: number): [number, number, number, number] {
  let left = width, top = height, right = 0, bottom = 0;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      if (pixels[i]! >= WHITE && pixels[i + 1]! >= WHITE && pixels[i + 2]! >= WHITE) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  if (right <= left) return [0, 0, width, height];
  const rim = RIM * Math.max(right - left, bottom - top);
  return [Math.max(0, left - rim), Math.max(0, top - rim), Math.min(width, right + rim), Math.min(height, bottom + rim)];
}
