/** Every word of the client in Simplified Chinese, area by area; fetched as one file. */
import ask from "./ask.json";
import kase from "./case.json";
import common from "./common.json";
import coordinate from "./coordinate.json";
import devices from "./devices.json";
import home from "./home.json";
import lectures from "./lectures.json";
import library from "./library.json";
import opinion from "./opinion.json";
import replay from "./replay.json";
import ring from "./ring.json";
import room from "./room.json";
import signIn from "./sign-in.json";

export default { ask, case: kase, common, coordinate, devices, home, lectures, library, opinion, replay, ring, room, "sign-in": signIn };
