// Browsers and systems in words.

/** "Firefox on Linux" out of a User-Agent. */
export function clientWords(client) {
  const find = (names) => names.find(([pattern]) => pattern.test(client))?.[1];
  const browser = find([[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/Safari\//, "Safari"]]);
  const system = find([[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux/, "Linux"]]);
  if (!browser) return client.slice(0, 60) || "Unknown";
  return system ? `${browser} on ${system}` : browser;
}
