// Plausible entries of the last days, so that the console has something to show.

const minute = 60_000;

const kinds = [
  { type: "ORDER_PLACED", title: "새 주문 3건", body: "주문 20261120-0417, 유기농 사과 5kg 외 2건, 59,000원", link: "/orders/20261120-0417", priority: "high", sound: "order", targets: ["mall:1001"], data: { orderNo: "20261120-0417", items: 3, amount: 59000 } },
  { type: "ORDER_PLACED", title: "새 주문", body: "주문 20261120-0418, 제주 감귤 10kg, 32,900원", link: "/orders/20261120-0418", priority: "high", sound: "order", targets: ["mall:1002"], data: { orderNo: "20261120-0418" } },
  { type: "EXCEL_COMPLETED", title: "엑셀 내려받기가 준비되었습니다", body: "11월 정산 내역 12,480행 (2.1MB)", link: "/exports/8842", targets: ["admin:7"], data: { rows: 12480 } },
  { type: "CLAIM_FILED", title: "교환 요청", body: "주문 20261118-0102, ‘사이즈가 맞지 않아요’", link: "/claims/3121", targets: ["mall:1001"], data: { claimNo: "3121" } },
  { type: "INQUIRY_CREATED", title: "1:1 문의", body: "배송지를 바꿀 수 있을까요? 오늘 저녁까지 답변을 부탁드립니다.", link: "/inquiries/551", targets: ["mall:1002"] },
  { type: "PRODUCT_APPROVAL", title: "상품 승인 대기 4건", body: "협력사 한빛식품이 상품 4건의 승인을 요청했습니다.", link: "/approvals", targets: ["admin:7"] },
  { type: "PRODUCT_INQUIRY", title: "상품 문의", body: "‘무농약 현미 20kg’ 도정일이 언제인가요?", link: "/products/90112/inquiries", targets: ["partner:31"] },
  { type: "FDS_DETECTED", title: "이상 거래가 탐지되었습니다", body: "같은 카드로 4분 동안 9건, 합계 4,120,000원. 주문을 보류했습니다.", link: "https://fds.example.com/cases/77", priority: "high", sound: "alarm", targets: ["mall:1001"], data: { score: 0.97, card: "****-1180" } },
  { type: "NOTICE", title: "정기 점검 안내", body: "11월 23일(월) 02:00~04:00 관리자 서비스가 일시 중단됩니다.", targets: ["all"] },
  { type: "STOCK_LOW", title: "재고 부족", body: "‘유기농 사과 5kg’ 재고가 7개 남았습니다.", targets: ["mall:1001"], data: { sku: "AP-5", left: 7 } },
];

/** Fills a hub with `count` entries that end a minute ago. */
export function seed(hub, count = 240) {
  const spread = [2, 5, 9, 14, 40, 75, 130];
  let ago = 0;
  const moments = Array.from({ length: count }, (_, i) => (ago += spread[i % spread.length] * minute * (i < 12 ? 0.5 : 1)));
  moments.reverse().forEach((before, i) => {
    const kind = kinds[(i * 7 + (i >> 2)) % kinds.length];
    hub.publish(kind, new Date(Date.now() - before).toISOString());
  });
}
