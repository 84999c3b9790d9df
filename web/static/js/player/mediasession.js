// The keys of headphones, keyboards and lock screens.

const SKIP_S = 10;
const SIZES_PX = [96, 300, 600];

/** Tells the system what is played, and lets its keys act. */
export function connect(player, mediaSession = navigator.mediaSession) {
  if (!mediaSession) return;
  const acts = {
    play: () => player.play(),
    pause: () => player.pause(),
    stop: () => player.pause(),
    nexttrack: () => player.next(),
    previoustrack: () => player.previous(),
    seekto: ({ seekTime }) => player.seek(seekTime),
    seekforward: ({ seekOffset }) => player.seek(player.positionS + (seekOffset || SKIP_S)),
    seekbackward: ({ seekOffset }) => player.seek(player.positionS - (seekOffset || SKIP_S)),
  };
  for (const [name, act] of Object.entries(acts)) {
    try {
      mediaSession.setActionHandler(name, act);
    } catch {
      // This browser has no such key.
    }
  }
  let shown = null;
  player.addEventListener("change", () => {
    const { track } = player;
    if (track !== shown) {
      shown = track;
      mediaSession.metadata = track && metadata(track);
    }
    mediaSession.playbackState = !track ? "none" : player.isPlaying ? "playing" : "paused";
    tellPosition(player, mediaSession);
  });
}

function metadata(track) {
  const artwork = track.cover
    ? SIZES_PX.map((px) => ({ src: new URL(`${track.cover}?size=${px}`, location.href).href, sizes: `${px}x${px}` }))
    : [];
  return new MediaMetadata({ title: track.title, artist: track.artist ?? "", album: track.album?.title ?? "", artwork });
}

function tellPosition(player, mediaSession) {
  const { durationS, positionS } = player;
  if (!mediaSession.setPositionState || !(durationS > 0)) return;
  mediaSession.setPositionState({ duration: durationS, position: Math.min(Math.max(0, positionS), durationS), playbackRate: 1 });
}
