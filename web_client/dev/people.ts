/** The mock's demo consortium: who can sign in (any password) and which specialties there are. */
import type { Me, Role } from "../src/lib/types";

export const SPECIALTIES: [string, string, string][] = [
  ["cardiology", "Cardiology", "心血管内科"],
  ["dermatology", "Dermatology", "皮肤科"],
  ["endocrinology", "Endocrinology", "内分泌科"],
  ["haematology", "Haematology", "血液内科"],
  ["hepatology", "Hepatology", "肝病科"],
  ["mental-health", "Mental health", "心理卫生中心"],
  ["neurology", "Neurology", "神经内科"],
  ["nutrition", "Nutrition", "临床营养科"],
  ["oncology", "Oncology", "肿瘤科"],
  ["rehabilitation", "Rehabilitation", "康复医学科"],
  ["respiratory", "Respiratory medicine", "呼吸与危重症医学科"],
];

const hospital = { id: "west", name: "West Hospital" };
const centre = { id: "fangcao", name: "Fangcao Health Centre" };

function person(username: string, name: string, place: typeof hospital, roles: Role[], specialties: string[] = []): Me {
  return {
    id: `p-${username}`,
    username,
    name,
    language: "en",
    organisations: [{ ...place, roles, specialties }],
    roles,
    session_expires_at: "2030-01-01T00:00:00Z",
    password_is_demo: true,
  };
}

export const PEOPLE: Me[] = [
  person("gp", "Dr Chen Yu", centre, ["gp"]),
  person("gp2", "Dr Zhou Min", centre, ["gp"]),
  person("spec", "Dr Li Wei", hospital, ["specialist"], ["cardiology"]),
  person("spec2", "Dr Wang Fang", hospital, ["specialist"], ["cardiology"]),
  person("derm", "Dr Liu Jing", hospital, ["specialist"], ["dermatology"]),
  person("learner", "Sun Hao", centre, ["learner"]),
  person("coord", "Zhang Hong", hospital, ["coordinator"]),
  person("admin", "He Ping", hospital, ["administrator"]),
  person("auditor", "Gao Shan", hospital, ["auditor"]),
];
