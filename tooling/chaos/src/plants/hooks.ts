/** Changes one line of one module while it is loaded. Fails if the line is not there: a plant must not die unseen. */
import type { InitializeHook, LoadHook } from "node:module";

let patch: { readonly file: string; readonly from: string; readonly to: string } | undefined;

export const initialize: InitializeHook = (data: unknown) => {
  patch = data as typeof patch;
};

export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context);
  if (patch === undefined || !url.endsWith(patch.file)) return loaded;
  const source = Buffer.from(loaded.source as Uint8Array).toString();
  if (!source.includes(patch.from)) throw new Error(`${url} has no ${JSON.stringify(patch.from)} to be changed`);
  return { ...loaded, source: source.replace(patch.from, patch.to) };
};
