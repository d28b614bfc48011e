// 콘솔의 문구: 현황.

export default {
  title: '현황',
  about: '지난 5분 동안 우리 회사의 티켓에 일어난 일입니다.',
  about_all: '지난 5분 동안 모든 회사에 일어난 일입니다.',
  as_of: '{at} 기준',
  open: '열린 티켓', sessions: '접속한 사용자', batches: '열린 배치', position: '저장된 이벤트', size: '저장소 크기',
  flow: '5초마다의 티켓', issued: '접수', ended: '종료', failed: '실패',
  models: '모델', model: '모델', no_models: '지난 5분 동안 호출된 모델이 없습니다.',
  callbacks: '회사 API', callbacks_all: '회사들의 API', no_callbacks: '지난 5분 동안 호출된 회사 API가 없습니다.',
  tenants: '회사', tenant: '회사', no_tenants: '열린 티켓도 접속한 사용자도 없습니다.',
  breaker: '호출', breaker_closed: '정상', breaker_half_open: '조심스럽게 시도', breaker_open: '막아 둠',
  in_flight: '진행 중', waiting: '대기', calls: '지난 5분', error_rate: '오류',
  first_token_ms: '첫 글자, 절반 · 95 %', total_ms: '전체 답변, 절반 · 95 %', tokens_per_second: '초당 토큰',
};
