/**
 * Addresses in ACLs of the scheme `ip`: `address` or `address/bits`, version 4 or 6.
 */

/** The bytes of an address, 4 or 16; undefined if it is none. An IPv4 address within IPv6 counts as IPv4. */
export function addressBytes(text: string): readonly number[] | undefined {
  if (!text.includes(":")) return ipv4Bytes(text);
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  const bytes = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const isMapped = bytes.slice(0, 10).every((b) => b === 0) && bytes[10] === 255 && bytes[11] === 255;
  return isMapped ? bytes.slice(12) : bytes;
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255)) return undefined;
  return parts.map(Number);
}

function groups(text: string): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (part.includes(".") && i === parts.length - 1) {
      const v4 = ipv4Bytes(part);
      if (v4 === undefined) return undefined;
      bytes.push(...v4);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      const group = Number.parseInt(part, 16);
      bytes.push(group >> 8, group & 255);
    } else return undefined;
  }
  return bytes;
}

export function isAddressPattern(pattern: string): boolean {
  const [address, bits, ...rest] = pattern.split("/");
  const bytes = addressBytes(address!);
  if (bytes === undefined || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bytes.length * 8);
}

/** Does the address begin with the pattern's bits? */
export function addressMatches(pattern: string, address: string): boolean {
  const [network, bits] = pattern.split("/");
  const wanted = addressBytes(network!);
  const actual = addressBytes(address);
  if (wanted === undefined || actual === undefined || wanted.length !== actual.length) return false;
  let left = bits === undefined ? wanted.length * 8 : Number(bits);
  for (let i = 0; left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 255 : (255 << (8 - left)) & 255;
    if ((wanted[i]! & mask) !== (actual[i]! & mask)) return false;
  }
  return true;
}
