//! A stand-in for Security Command Center, on loopback, by its public gRPC service: it keeps findings by name, asks for a
//! token, and fails when it is told to.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use proto::scc::{
    CreateFindingRequest, Finding, UpdateFindingRequest,
    security_center_server::{SecurityCenter, SecurityCenterServer},
};
use tokio::runtime::Runtime;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};

/// What it holds and what it was asked.
#[derive(Default)]
pub struct State {
    /// Findings by name.
    pub findings: BTreeMap<String, Finding>,
    /// Calls in their order, such as `create f1`.
    pub calls: Vec<String>,
    /// What the next calls fail with.
    pub failures: VecDeque<Code>,
    /// Tokens that were presented, each once.
    pub tokens: Vec<String>,
}

/// A running stand-in; it ends with its runtime.
pub struct SecurityCommandCenter {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    _runtime: Runtime,
}

impl SecurityCommandCenter {
    /// Starts one.
    pub fn start() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let state = Arc::new(Mutex::new(State::default()));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let service = SecurityCenterServer::new(Service(state.clone()));
        runtime.spawn(
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Ok(Self { address, state, _runtime: runtime })
    }

    /// What it holds now.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Service(Arc<Mutex<State>>);

impl Service {
    fn enter<T>(&self, request: &Request<T>, call: String) -> Result<MutexGuard<'_, State>, Status> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let token = token.ok_or_else(|| Status::unauthenticated("no token"))?.to_owned();
        if !state.tokens.contains(&token) {
            state.tokens.push(token);
        }
        state.calls.push(call);
        match state.failures.pop_front() {
            Some(code) => Err(Status::new(code, "as the test asked")),
            None => Ok(state),
        }
    }
}

#[tonic::async_trait]
impl SecurityCenter for Service {
    async fn create_finding(
        &self,
        request: Request<CreateFindingRequest>,
    ) -> Result<Response<Finding>, Status> {
        let mut state = self.enter(&request, format!("create {}", request.get_ref().finding_id))?;
        let CreateFindingRequest { parent, finding_id, finding } = request.into_inner();
        let finding = finding.ok_or_else(|| Status::invalid_argument("no finding"))?;
        let name = format!("{parent}/findings/{finding_id}");
        if finding.name != name {
            return Err(Status::invalid_argument("the name does not fit"));
        }
        if state.findings.contains_key(&name) {
            return Err(Status::already_exists("it exists"));
        }
        state.findings.insert(name, finding.clone());
        Ok(Response::new(finding))
    }

    async fn update_finding(
        &self,
        request: Request<UpdateFindingRequest>,
    ) -> Result<Response<Finding>, Status> {
        let name = request.get_ref().finding.as_ref().map(|f| f.name.clone()).unwrap_or_default();
        let id = name.rsplit('/').next().unwrap_or_default();
        let mut state = self.enter(&request, format!("update {id}"))?;
        let finding = request.into_inner().finding.ok_or_else(|| Status::invalid_argument("no finding"))?;
        state.findings.insert(name, finding.clone());
        Ok(Response::new(finding))
    }
}
