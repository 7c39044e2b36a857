/** stdout: data, and nothing else. Text for people, or JSON, one object a line. */

export interface Output {
  readonly isJson: boolean;
  /** Of the terminal; undefined: it goes elsewhere. */
  readonly terminal: { readonly rows: number; readonly columns: number } | undefined;
  /** One thing: the object with `--json`, else the text. */
  readonly item: (object: object, text: () => string) => void;
  /** Bytes as they are; not with `--json`. */
  readonly bytes: (bytes: Uint8Array) => void;
  /** What is no data, on stderr. With `--json` as an object, too: `{"note":…}`. */
  readonly note: (text: string) => void;
}

export function output(
  isJson: boolean,
  write: (chunk: string | Uint8Array) => void,
  tell: (line: string) => void,
  terminal: () => Output["terminal"] = () => undefined,
): Output {
  return {
    isJson,
    get terminal() {
      return terminal();
    },
    item: (object, text) => write(`${isJson ? JSON.stringify(object) : text()}\n`),
    bytes: write,
    note: (text) => {
      tell(isJson ? JSON.stringify({ note: text }) : `corral: ${text}`);
    },
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Data as it stands in JSON: text where it is text, else base64; null is no data. */
export function jsonData(data: Uint8Array | null): { readonly data: string | null } | { readonly base64: string } {
  if (data === null) return { data: null };
  const text = asText(data);
  return text === undefined ? { base64: Buffer.from(data).toString("base64") } : { data: text };
}

/** Data on a line of its own: without line breaks and control characters, binary as base64. */
export function lineOf(data: Uint8Array | null): string {
  if (data === null) return "";
  const text = asText(data);
  return text === undefined ? `base64:${Buffer.from(data).toString("base64")}` : JSON.stringify(text).slice(1, -1);
}

function asText(data: Uint8Array): string | undefined {
  try {
    return utf8.decode(data);
  } catch {
    // Not UTF-8 is an answer, not a failure.
    return undefined;
  }
}
