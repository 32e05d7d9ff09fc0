// The WebSocket snippet of the dashboard API, unchanged except for the address: node websocket.mjs URL
//
// Each handled message is a line of standard output.
import WebSocket from "ws";

const [url] = process.argv.slice(2);

function updateJobInUI(jobId, status) {
    console.log(`updateJobInUI ${jobId} ${status}`);
}

function updateQueueMetrics(data) {
    console.log(`updateQueueMetrics ${data.name}`);
}

function showHealthAlert(data) {
    console.log(`showHealthAlert ${data.status}`);
}

const ws = new WebSocket(`${url.replace("http", "ws")}/api/tickerq/ws`);

ws.onopen = function() {
    // Subscribe to job updates
    ws.send(JSON.stringify({
        action: 'subscribe',
        topics: ['job-status', 'queue-metrics', 'system-health']
    }));
};

ws.onmessage = function(event) {
    const message = JSON.parse(event.data);
    
    switch(message.type) {
        case 'job-status-changed':
            handleJobStatusChange(message.data);
            break;
        case 'queue-metrics-updated':
            updateQueueMetrics(message.data);
            break;
        case 'system-health-alert':
            showHealthAlert(message.data);
            break;
    }
};

function handleJobStatusChange(data) {
    console.log(`Job ${data.jobId} status changed to ${data.status}`);
    updateJobInUI(data.jobId, data.status);
}

ws.onclose = function(event) {
    console.log(`closed ${event.code}`);
};
