// The icons of the pages by their role.
import ArrowDown from "@lucide/svelte/icons/arrow-down";
import ArrowLeft from "@lucide/svelte/icons/arrow-left";
import ArrowUp from "@lucide/svelte/icons/arrow-up";
import Ban from "@lucide/svelte/icons/ban";
import Bookmark from "@lucide/svelte/icons/bookmark";
import CalendarClock from "@lucide/svelte/icons/calendar-clock";
import CalendarDays from "@lucide/svelte/icons/calendar-days";
import ChartLine from "@lucide/svelte/icons/chart-line";
import Check from "@lucide/svelte/icons/check";
import ChevronDown from "@lucide/svelte/icons/chevron-down";
import ChevronRight from "@lucide/svelte/icons/chevron-right";
import CircleCheck from "@lucide/svelte/icons/circle-check";
import CircleDashed from "@lucide/svelte/icons/circle-dashed";
import CirclePlay from "@lucide/svelte/icons/circle-play";
import Clock from "@lucide/svelte/icons/clock";
import Columns from "@lucide/svelte/icons/columns-3";
import Copy from "@lucide/svelte/icons/copy";
import Download from "@lucide/svelte/icons/download";
import Ellipsis from "@lucide/svelte/icons/ellipsis";
import ExternalLink from "@lucide/svelte/icons/external-link";
import Filter from "@lucide/svelte/icons/filter";
import Gauge from "@lucide/svelte/icons/gauge";
import HeartPulse from "@lucide/svelte/icons/heart-pulse";
import Info from "@lucide/svelte/icons/info";
import Layers from "@lucide/svelte/icons/layers";
import Link from "@lucide/svelte/icons/link";
import List from "@lucide/svelte/icons/list";
import ListChecks from "@lucide/svelte/icons/list-checks";
import OctagonX from "@lucide/svelte/icons/octagon-x";
import Pause from "@lucide/svelte/icons/pause";
import Pencil from "@lucide/svelte/icons/pencil";
import Play from "@lucide/svelte/icons/play";
import Plus from "@lucide/svelte/icons/plus";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import RotateCcw from "@lucide/svelte/icons/rotate-ccw";
import ScrollText from "@lucide/svelte/icons/scroll-text";
import Search from "@lucide/svelte/icons/search";
import Server from "@lucide/svelte/icons/server";
import Settings from "@lucide/svelte/icons/settings";
import Shapes from "@lucide/svelte/icons/shapes";
import Trash from "@lucide/svelte/icons/trash-2";
import TriangleAlert from "@lucide/svelte/icons/triangle-alert";
import Undo from "@lucide/svelte/icons/undo-2";
import Webhook from "@lucide/svelte/icons/webhook";
import X from "@lucide/svelte/icons/x";
import Zap from "@lucide/svelte/icons/zap";
import Logo from "./Logo.svelte";

export const icons = {
  list: List,
  logo: Logo,
  overview: Gauge,
  jobs: List,
  errors: TriangleAlert,
  queues: Layers,
  types: Shapes,
  schedules: CalendarClock,
  calendar: CalendarDays,
  history: ChartLine,
  workers: Server,
  webhooks: Webhook,
  operations: ListChecks,
  audit: ScrollText,
  health: HeartPulse,
  settings: Settings,
  search: Search,
  more: Ellipsis,
  play: Play,
  pause: Pause,
  close: X,
  check: Check,
  pending: CircleDashed,
  running: CirclePlay,
  completed: CircleCheck,
  failed: OctagonX,
  cancelled: Ban,
  clock: Clock,
  copy: Copy,
  undo: Undo,
  delete: Trash,
  retry: RotateCcw,
  refresh: RefreshCw,
  right: ChevronRight,
  down: ChevronDown,
  back: ArrowLeft,
  ascending: ArrowUp,
  descending: ArrowDown,
  external: ExternalLink,
  add: Plus,
  edit: Pencil,
  download: Download,
  filter: Filter,
  columns: Columns,
  link: Link,
  save: Bookmark,
  info: Info,
  warning: TriangleAlert,
  run: Zap,
};

export type IconName = keyof typeof icons;
