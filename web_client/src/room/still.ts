/** A full-resolution photograph of what the local camera sees: more detail than the video carries, for skin and wounds. */

/** Some cameras never answer `takePhoto`: then the video's own picture serves. */
const PHOTO_LIMIT = 6_000;

/** The Image Capture interface, which TypeScript's library does not have. */
interface PhotoTaker {
  takePhoto(): Promise<Blob>;
}
type PhotoTakerClass = new (track: MediaStreamTrack) => PhotoTaker;

/** Take a JPEG. `view` is a video element that plays the same track. Rejects when the camera is off. */
export async function takeStill(track: MediaStreamTrack, view: HTMLVideoElement): Promise<Blob> {
  if (track.readyState !== "live") throw new Error("the camera is off");
  const ImageCapture = (globalThis as { ImageCapture?: PhotoTakerClass }).ImageCapture;
  if (ImageCapture) {
    try {
      const photo = await within(PHOTO_LIMIT, new ImageCapture(track).takePhoto());
      const settings = track.getSettings();
      // Some drivers hand out a thumbnail: the larger picture wins.
      const bitmap = await createImageBitmap(photo);
      const larger = bitmap.width * bitmap.height >= (settings.width ?? 0) * (settings.height ?? 0);
      bitmap.close();
      if (larger) return photo;
    } catch (error) {
      console.info("takePhoto did not work, using the video's picture:", error);
    }
  }
  return frameOf(view);
}

/** The video's present picture at the track's full size. */
async function frameOf(view: HTMLVideoElement): Promise<Blob> {
  if (view.videoWidth === 0) throw new Error("the camera shows nothing yet");
  const canvas = document.createElement("canvas");
  canvas.width = view.videoWidth;
  canvas.height = view.videoHeight;
  canvas.getContext("2d")?.drawImage(view, 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/jpeg", 0.95);
  });
}

function within<T>(limit: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("timed out")), limit);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
