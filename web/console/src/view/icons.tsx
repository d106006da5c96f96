import type { ComponentChildren } from "preact";

interface IconProps {
  size?: number;
}

const icon = (children: ComponentChildren, filled = false) =>
  function Icon({ size = 16 }: IconProps) {
    return (
      <svg
        viewBox="0 0 24 24"
        width={size}
        height={size}
        fill={filled ? "currentColor" : "none"}
        stroke={filled ? "none" : "currentColor"}
        stroke-width="1.9"
        stroke-linecap="round"
        stroke-linejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {children}
      </svg>
    );
  };

export const Flame = icon(
  <path d="M12 2.5c.6 3-.9 4.6-2.4 6.3C8 10.6 6.5 12.4 6.5 15a5.5 5.5 0 0 0 11 0c0-2.1-.9-3.7-1.9-5-.3 1.3-.9 2.1-1.9 2.7.4-3.7-.4-7.3-1.7-10.2Z" />,
  true,
);
export const Inbox = icon(<><path d="M4 13.5 6.3 5.8A2 2 0 0 1 8.2 4.4h7.6a2 2 0 0 1 1.9 1.4L20 13.5V18a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-4.5Z" /><path d="M4 13.5h4.5a3.5 3.5 0 0 0 7 0H20" /></>);
export const Dot = icon(<circle cx="12" cy="12" r="5" />, true);
export const CheckAll = icon(<><path d="m3 12.5 4 4 8.5-9" /><path d="m12 16.5.5.5L21 8" /></>);
export const Check = icon(<path d="m5 12.5 4.5 4.5L19 7" />);
export const Volume = icon(<><path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Z" /><path d="M15.5 9a4 4 0 0 1 0 6" /><path d="M18 6.5a7.5 7.5 0 0 1 0 11" /></>);
export const VolumeOff = icon(<><path d="M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Z" /><path d="m16 9.5 5 5" /><path d="m21 9.5-5 5" /></>);
export const Sun = icon(<><circle cx="12" cy="12" r="4" /><path d="M12 2.5v2M12 19.5v2M4.5 12h-2M21.5 12h-2M6.7 6.7 5.3 5.3M18.7 18.7l-1.4-1.4M17.3 6.7l1.4-1.4M5.3 18.7l1.4-1.4" /></>);
export const Moon = icon(<path d="M20 14.3A8.3 8.3 0 0 1 9.7 4a8.3 8.3 0 1 0 10.3 10.3Z" />);
export const Auto = icon(<><circle cx="12" cy="12" r="8.5" /><path d="M12 3.5v17a8.5 8.5 0 0 0 0-17Z" fill="currentColor" stroke="none" /></>);
export const Globe = icon(<><circle cx="12" cy="12" r="8.5" /><path d="M3.5 12h17M12 3.5c2.3 2.3 3.5 5.2 3.5 8.5s-1.2 6.2-3.5 8.5c-2.3-2.3-3.5-5.2-3.5-8.5s1.2-6.2 3.5-8.5Z" /></>);
export const Keyboard = icon(<><rect x="2.5" y="6" width="19" height="12" rx="2" /><path d="M6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8" /></>);
export const LogOut = icon(<><path d="M14 4.5H7a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2h7" /><path d="M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5" /></>);
export const Send = icon(<><path d="M20.5 3.5 10.5 13.5" /><path d="m20.5 3.5-6 17-4-7-7-4 17-6Z" /></>);
export const Close = icon(<path d="m6 6 12 12M18 6 6 18" />);
export const Filter = icon(<path d="M4 6h16M7 12h10M10 18h4" />);
export const External = icon(<><path d="M9 5H7a2 2 0 0 0-2 2v10a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-2" /><path d="M13 5h6v6M19 5l-8.5 8.5" /></>);
export const Nodes = icon(<><circle cx="12" cy="5.5" r="2.6" /><circle cx="5.5" cy="17.5" r="2.6" /><circle cx="18.5" cy="17.5" r="2.6" /><path d="m10.7 7.8-3.9 7.4M13.3 7.8l3.9 7.4M8.1 17.5h7.8" /></>);
export const Up = icon(<path d="M12 19V5M6 11l6-6 6 6" />);

const Cart = icon(<><path d="M3 4h2.2l2.3 11h10.3l2-8H6.2" /><circle cx="9" cy="19" r="1.3" /><circle cx="16.5" cy="19" r="1.3" /></>);
const Table = icon(<><rect x="4" y="4" width="16" height="16" rx="2" /><path d="M4 9.5h16M4 14.7h16M10 9.5V20" /></>);
const Undo = icon(<><path d="M8.5 5 4.5 9l4 4" /><path d="M4.5 9H14a5.5 5.5 0 0 1 0 11H9" /></>);
const Chat = icon(<path d="M20 11.5a7.5 7 0 0 1-11 6.2L4 19.5l1.7-4.2A7 7 0 0 1 5 11.5a7.5 7 0 0 1 15 0Z" />);
const Badge = icon(<><path d="M12 3.5 19 6v5.5c0 4.3-2.9 7.3-7 9-4.1-1.7-7-4.7-7-9V6l7-2.5Z" /><path d="m9 11.8 2.2 2.2 4-4.2" /></>);
const Question = icon(<><path d="M12 3.5 20 8v8l-8 4.5L4 16V8l8-4.5Z" /><path d="M10.2 10a1.9 1.9 0 1 1 2.6 1.8c-.5.2-.8.6-.8 1.2M12 15.7h.01" /></>);
const Alert = icon(<><path d="M12 4 2.8 19.5h18.4L12 4Z" /><path d="M12 10v4.5M12 17h.01" /></>);
const Horn = icon(<><path d="M4 10v4h3l8 4V6l-8 4H4Z" /><path d="M18.5 9.5a4 4 0 0 1 0 5M8 14v4.5h2.5V15.5" /></>);
const Bell = icon(<><path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15L6 16.5Z" /><path d="M10.3 20.5a2 2 0 0 0 3.4 0" /></>);

const ofType: Record<string, ReturnType<typeof icon>> = {
  ORDER_PLACED: Cart,
  EXCEL_COMPLETED: Table,
  CLAIM_FILED: Undo,
  INQUIRY_CREATED: Chat,
  PRODUCT_APPROVAL: Badge,
  PRODUCT_INQUIRY: Question,
  FDS_DETECTED: Alert,
  NOTICE: Horn,
};

/** The types that have a name and an icon of their own, in the order of the filters. */
export const knownTypes = Object.keys(ofType);

export function TypeIcon({ type, size = 16 }: { type: string | undefined; size?: number }) {
  const Icon = ofType[type ?? ""] ?? Bell;
  return (
    <span class="type-icon" data-type={type && type in ofType ? type : "OTHER"}>
      <Icon size={size} />
    </span>
  );
}
