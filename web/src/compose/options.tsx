// Seed, pauses, and the method's settings; closed until a person opens it.

import { useState } from "preact/hooks";
import type { Pause, Setting, SettingValue } from "../api/types.ts";
import { settings } from "../app/store.ts";
import { Check } from "../ui/controls.tsx";
import { draft, update } from "./draft.ts";

export function Options() {
  const { seed, pause } = draft.value;
  const changed = Object.keys(draft.value.settings).length;
  const toggle = (what: Pause) => (on: boolean) =>
    update({ pause: on ? [...draft.value.pause, what] : draft.value.pause.filter((one) => one !== what) });
  return (
    <div class="options">
      <Check label="Stop at the layout, so that I can correct it" checked={pause.includes("hints")} onChange={toggle("hints")} />
      <label class="field inline">
        <span>Seed</span>
        <input
          type="number" min={0} max={2147483647} step={1} placeholder="0" value={seed ?? ""}
          onInput={(event) => update({ seed: event.currentTarget.value === "" ? null : Math.max(0, Math.round(Number(event.currentTarget.value))) })}
        />
      </label>
      {settings.value.length > 0 && (
        <details class="settings">
          <summary>Settings of the method{changed ? `, ${changed} changed` : ""}</summary>
          <SettingsTable />
        </details>
      )}
    </div>
  );
}

function SettingsTable() {
  const [wanted, want] = useState("");
  const matches = (one: Setting) => `${one.name} ${one.title} ${one.help} ${one.symbol}`.toLowerCase().includes(wanted.toLowerCase());
  const shown = settings.value.filter(matches), groups = [...new Set(shown.map((one) => one.group))];
  return (
    <div class="settings-table">
      <div class="row">
        <input type="search" placeholder="Find a setting" aria-label="Find a setting" value={wanted} onInput={(event) => want(event.currentTarget.value)} />
        <button type="button" class="quiet" onClick={() => update({ settings: {} })}>All as they were</button>
      </div>
      {groups.map((group) => (
        <fieldset key={group}>
          {group && <legend>{group}</legend>}
          {shown.filter((one) => one.group === group).map((one) => <Row key={one.name} setting={one} />)}
        </fieldset>
      ))}
      {!shown.length && <p class="soft">No setting is called so.</p>}
    </div>
  );
}

function Row({ setting }: { setting: Setting }) {
  const given = draft.value.settings[setting.name], value = given === undefined ? setting.default : given;
  function put(next: SettingValue): void {
    const rest = { ...draft.value.settings };
    delete rest[setting.name];
    const same = JSON.stringify(next) === JSON.stringify(setting.default);
    update({ settings: same ? rest : { ...rest, [setting.name]: next } });
  }
  const id = `setting-${setting.name}`;
  return (
    <div class={`setting ${given === undefined ? "" : "changed"}`}>
      <label for={id}>{setting.title || setting.name}{setting.symbol && <i> {setting.symbol}</i>}</label>
      <Field id={id} setting={setting} value={value} put={put} />
      <p class="soft">{setting.help}</p>
    </div>
  );
}

function Field({ id, setting, value, put }: { id: string; setting: Setting; value: SettingValue; put: (value: SettingValue) => void }) {
  if (typeof setting.default === "boolean") {
    return <input id={id} type="checkbox" checked={value === true} onChange={(event) => put(event.currentTarget.checked)} />;
  }
  if (setting.choices?.length) {
    return (
      <select id={id} value={String(value)} onChange={(event) => put(event.currentTarget.value)}>
        {setting.choices.map((choice) => <option key={choice}>{choice}</option>)}
      </select>
    );
  }
  if (typeof setting.default === "number") {
    const step = Number.isInteger(setting.default) && (setting.maximum ?? 2) > 1 ? 1 : "any";
    return (
      <input
        id={id} type="number" value={Number(value)} min={setting.minimum ?? undefined} max={setting.maximum ?? undefined} step={step}
        onChange={(event) => event.currentTarget.value !== "" && put(Number(event.currentTarget.value))}
      />
    );
  }
  const list = Array.isArray(setting.default), text = Array.isArray(value) ? value.join(", ") : String(value ?? "");
  return (
    <input
      id={id} type="text" value={text}
      onChange={(event) => {
        const words = event.currentTarget.value;
        put(list ? words.split(",").map((word) => word.trim()).filter(Boolean).map((word) => (Number.isNaN(Number(word)) ? word : Number(word))) : words);
      }}
    />
  );
}
