// Records what the page's sound element plays. For tests alone: the page itself has no such thing.
(rateHz) => {
  const element = document.getElementById("sound");
  const context = new AudioContext({ sampleRate: rateHz });
  const source = context.createMediaElementSource(element);
  const tap = context.createScriptProcessor(16384, 2, 2);
  const blocks = [[], []];
  tap.onaudioprocess = ({ inputBuffer, outputBuffer }) => {
    for (const channel of [0, 1]) {
      blocks[channel].push(inputBuffer.getChannelData(channel).slice());
      outputBuffer.getChannelData(channel).fill(0);
    }
  };
  source.connect(tap);
  tap.connect(context.destination);
  const whole = (channel) => {
    const all = new Float32Array(channel.reduce((sum, block) => sum + block.length, 0));
    let at = 0;
    for (const block of channel) {
      all.set(block, at);
      at += block.length;
    }
    return all;
  };
  window.__recorder = {
    context,
    peak: () => Math.max(0, ...blocks[0].at(-1) ?? [0]),
    seconds: () => blocks[0].length * 16384 / rateHz,
    base64(channel) {
      const bytes = new Uint8Array(whole(blocks[channel]).buffer);
      let text = "";
      for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
      return btoa(text);
    },
  };
  return context.resume();
}
