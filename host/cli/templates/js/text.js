// Text and bytes in UTF-8. QuickJS has neither `TextEncoder` nor `TextDecoder`.

/** Encodes a text. */
export function encode(text) {
  return Uint8Array.from(unescape(encodeURIComponent(text)), (char) => char.charCodeAt(0));
}

/** Decodes bytes. If they are not UTF-8, each of them becomes a character. */
export function decode(bytes) {
  let text = '';
  for (let start = 0; start < bytes.length; start += 4096) {
    text += String.fromCharCode(...bytes.subarray(start, start + 4096));
  }
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return text;
  }
}
