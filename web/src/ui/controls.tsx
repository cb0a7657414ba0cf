// Small controls that several places use.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./icons.tsx";

interface ButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
  class?: string;
}

/** A button that shows an icon and says its label. */
export function IconButton({ icon, label, onClick, pressed, disabled, class: more }: ButtonProps) {
  return (
    <button
      type="button" class={`icon-button ${more ?? ""}`} aria-label={label} title={label}
      aria-pressed={pressed} disabled={disabled} onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

export interface Choice<T extends string> {
  value: T;
  title: string;
  icon?: IconName;
  hint?: string;
  disabled?: boolean;
}

/** One of a few, side by side. */
export function Segmented<T extends string>({ label, choices, value, onChange }: {
  label: string; choices: readonly Choice<T>[]; value: T; onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="segmented">
      <legend class="unseen">{label}</legend>
      {choices.map((choice) => (
        <label key={choice.value} title={choice.hint}>
          <input
            type="radio" name={name} value={choice.value} checked={choice.value === value} disabled={choice.disabled}
            onChange={() => onChange(choice.value)}
          />
          <span>{choice.icon && <Icon name={choice.icon} />}{choice.title}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Slider({ label, value, onInput, low = 0, high = 1, step = 0.01, shown, onDone }: {
  label: string; value: number; onInput: (value: number) => void; low?: number; high?: number; step?: number; shown?: string;
  onDone?: () => void;
}) {
  return (
    <label class="slider">
      <span>{label}</span>
      <input
        type="range" min={low} max={high} step={step} value={value} aria-valuetext={shown}
        onInput={(event) => onInput(Number(event.currentTarget.value))} onChange={onDone}
      />
      {shown !== undefined && <output>{shown}</output>}
    </label>
  );
}

export function Check({ label, checked, onChange, disabled }: {
  label: ComponentChildren; checked: boolean; onChange: (on: boolean) => void; disabled?: boolean;
}) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

/** A dialog over the page; Escape and a press outside close it. */
export function Dialog({ title, onClose, children, wide }: {
  title: string; onClose: () => void; children: ComponentChildren; wide?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null), id = useId();
  useEffect(() => {
    const dialog = element.current!, before = document.activeElement as HTMLElement | null;
    dialog.showModal();
    return () => {
      dialog.close();
      before?.focus();
    };
  }, []);
  return (
    <dialog
      ref={element} class={`dialog ${wide ? "wide" : ""}`} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}
      onPointerDown={(event) => event.target === element.current && onClose()}
    >
      <div class="dialog-body">
        <header>
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** A press that asks once more before it acts. */
export function Sure({ icon, label, sure, onClick, disabled }: {
  icon?: IconName; label: string; sure: string; onClick: () => void; disabled?: boolean;
}) {
  const [asked, ask] = useState(false);
  useEffect(() => {
    if (!asked) return;
    const timer = window.setTimeout(() => ask(false), 4000);
    return () => window.clearTimeout(timer);
  }, [asked]);
  return (
    <button
      type="button" class={asked ? "danger" : "quiet"} disabled={disabled}
      onClick={() => { if (asked) onClick(); ask(!asked); }}
    >
      {icon && <Icon name={icon} />}{asked ? sure : label}
    </button>
  );
}

/** A button that opens a choice of files. */
export function FileButton({ label, icon, accept, multiple, onFiles, class: look, of }: {
  label: string; icon?: IconName; accept: string; multiple?: boolean; onFiles: (files: File[]) => void; class?: string; of?: string;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={look ?? "quiet"} aria-label={of && `${label} of ${of}`} onClick={() => input.current!.click()}>
        {icon && <Icon name={icon} />}{label}
      </button>
      <input
        ref={input} class="unseen" type="file" tabIndex={-1} aria-hidden="true" accept={accept} multiple={multiple}
        onChange={(event) => {
          const files = [...(event.currentTarget.files ?? [])];
          event.currentTarget.value = "";
          if (files.length) onFiles(files);
        }}
      />
    </>
  );
}

export const PICTURES = "image/png,image/jpeg,image/webp,image/bmp,image/tiff,.png,.jpg,.jpeg,.webp";
export const MODELS = ".glb,.gltf,.obj,.stl,.ply,.spz,model/gltf-binary";

/** Handlers that make an element take dropped files. */
export function useDrop(onFiles: (files: File[]) => void): { over: boolean; drop: Record<string, (event: DragEvent) => void> } {
  const [depth, setDepth] = useState(0);
  const carries = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  return {
    over: depth > 0,
    drop: {
      onDragEnter: (event) => { if (carries(event)) { event.preventDefault(); setDepth((value) => value + 1); } },
      onDragLeave: (event) => { if (carries(event)) setDepth((value) => Math.max(0, value - 1)); },
      onDragOver: (event) => { if (carries(event)) event.preventDefault(); },
      onDrop: (event) => {
        setDepth(0);
        const files = [...(event.dataTransfer?.files ?? [])];
        if (!files.length) return;
        event.preventDefault();
        event.stopPropagation();
        onFiles(files);
      },
    },
  };
}
