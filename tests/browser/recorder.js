// Records what the page's sound element plays. For tests alone: the page itself has no such thing.
async ({ rateHz, worklet }) => {
  const element = document.getElementById("sound");
  const context = new AudioContext({ sampleRate: rateHz });
  const address = URL.createObjectURL(new Blob([worklet], { type: "text/javascript" }));
  await context.audioWorklet.addModule(address);
  const source = context.createMediaElementSource(element);
  const tap = new AudioWorkletNode(context, "recorder", {
    numberOfOutputs: 0,
    channelCount: 2,
    channelCountMode: "explicit",
  });
  const blocks = [];
  tap.port.onmessage = ({ data }) => blocks.push(data);
  source.connect(tap);
  const size = () => blocks[0]?.channels[0].length ?? 0;
  window.__recorder = {
    seconds: () => (blocks.length * size()) / rateHz,
    lost: () => blocks.filter((block, n) => n && block.frame !== blocks[n - 1].frame + size()).length,
    base64(channel, lastBlocks) {
      const wanted = lastBlocks ? blocks.slice(-lastBlocks) : blocks;
      const all = new Float32Array(wanted.length * size());
      wanted.forEach((block, n) => all.set(block.channels[channel], n * size()));
      const bytes = new Uint8Array(all.buffer);
      let text = "";
      for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
      return btoa(text);
    },
  };
  await context.resume();
  while (blocks.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  blocks.length = 0; // while the graph is being put together, it renders by fits and starts
}
