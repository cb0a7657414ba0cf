// The lights a person may choose; apart from the view, so that a menu needs no three.js.

export const LIGHTS = {
  studio: { title: "Studio", sky: 1.7, key: 2.3, fill: 0.5, side: -0.6, height: 0.9 },
  soft: { title: "Soft", sky: 2.9, key: 0.7, fill: 0.3, side: -0.4, height: 1.2 },
  side: { title: "From the side", sky: 0.8, key: 3.2, fill: 0.15, side: -1.35, height: 0.35 },
  flat: { title: "Colours alone", sky: Math.PI, key: 0, fill: 0, side: 0, height: 1 },
} as const;

export type Light = keyof typeof LIGHTS;
export const LIGHT_NAMES = Object.entries(LIGHTS).map(([name, { title }]) => [name as Light, title] as const);
